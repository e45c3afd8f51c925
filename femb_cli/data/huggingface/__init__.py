"""Hugging Face datasets: Arrow and Parquet files, on this machine or on the Hub."""

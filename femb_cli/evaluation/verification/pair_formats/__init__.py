"""The two formats of a pair file: LFW's text, and tables such as CSV."""

"""RecordIO, the record files of MXNet and InsightFace, read without either library."""

"""LMDB databases of images, read without the LMDB library, which ends the process at a damaged one."""

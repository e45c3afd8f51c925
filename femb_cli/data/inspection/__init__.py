"""What is in a source of images: people, sizes, kinds of files, damage, doubles and colours."""

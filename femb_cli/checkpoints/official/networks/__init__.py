"""The networks in official files: how to recognise each one and how to build it as a femb backbone."""

"""What in a draft is not prose, one grammar a module; `model.mask` puts them together."""

"""File formats of pictures: recognised by content, opened by their plugins, shown as 8-bit sRGB on white."""

"""The networks themselves, in torch: what settings of the same name build."""

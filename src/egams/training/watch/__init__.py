"""How far a study is, for whoever looks on."""

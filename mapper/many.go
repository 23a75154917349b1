package mapper

// Many reports whether so many of a whole are more than everyday changes make:
// more than 10 and more than a fifth (docs/semantics.md, sections 5 and 6).
func Many(n, of int) bool { return n > 10 && n*5 > of }

package online

// Subjects returns whom f follows.
func (f *Following) Subjects() []string { return f.subjects }

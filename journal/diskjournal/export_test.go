package diskjournal

// OpenFS opens a journal on another file system than the machine's.
var OpenFS = open

// Waiting reports whether a commit waits for the one under way.
func Waiting(j *Journal) bool { return j.waiting() > 0 }

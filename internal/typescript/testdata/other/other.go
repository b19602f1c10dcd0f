// Package other has types with the names of types elsewhere.
package other

// Said is not the other Said.
type Said struct{ At int }

// Categories has a name that the module itself uses.
type Categories struct{ M int }

// Deep embeds what its embedder embeds as well.
type Deep struct {
	Deeper
	Twice int
}

// Deeper has a field that a tag names like one of another struct at its depth.
type Deeper struct {
	FromDeeper int
	Tagged     int `json:"FromBehind"`
}

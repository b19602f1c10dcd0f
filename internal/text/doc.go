// Package text holds a long editable text addressed by code points.
//
// A Text is a value: an immutable balanced tree of short pieces, so that copying one costs nothing,
// an edit costs a few hundred bytes whatever the length, and a reader never sees half an edit.
// Edits are Patches, which apply whole or not at all.
package text

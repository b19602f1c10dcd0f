package wire

import (
	"unicode"
	"unicode/utf8"
)

// ValidCategory reports whether s may name a category: [a-z][a-z0-9-]{0,31}.
func ValidCategory(s string) bool {
	if len(s) < 1 || len(s) > 32 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isLower(c) && !isDigit(c) && c != '-' {
			return false
		}
	}
	return true
}

// ValidID reports whether s may be the id of an entity: 1 to 128 bytes of UTF-8 without control
// characters or '/'.
func ValidID(s string) bool {
	if len(s) < 1 || len(s) > 128 || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r == '/' || unicode.IsControl(r) {
			return false
		}
	}
	return true
}

// ValidConn reports whether s may name a connection: 16 to 64 of A-Z a-z 0-9 _ -.
func ValidConn(s string) bool { return len(s) >= 16 && len(s) <= 64 && isToken(s) }

// ValidEpoch reports whether s may be an epoch: 1 to 32 of A-Z a-z 0-9 _ -.
func ValidEpoch(s string) bool { return len(s) >= 1 && len(s) <= 32 && isToken(s) }

func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLower(c) && !isDigit(c) && c != '_' && c != '-' && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

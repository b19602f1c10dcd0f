// Package archtest holds the tests of the repository's shape: which package may import which, how
// long a file may get, that what the documents name exists. Run it with -count=1: it reads files that
// the test cache does not see.
package archtest

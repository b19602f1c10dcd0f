// Package test holds the tests of whole processes: the program is started, loaded over real
// connections and killed, and what it stored is compared with what its clients were told.
//
// Each prints the seed of its random choices; TUTTI_TEST_SEED sets it.
package test

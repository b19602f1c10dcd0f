// Command peers runs the same loads against Tutti and against other servers, one after the other, and prints one
// table. README.md says what is measured and how the servers were written.
package main

package main

import "github.com/tutti-rt/tutti/node"

func main() { node.Main(Sheets) }

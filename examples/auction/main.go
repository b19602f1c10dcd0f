// Auction sells lots to the highest bidder. A bid counts once the bidder's account holds the money,
// so auction and account, two categories, tell each other commands; and a durable timer closes the
// auction, whatever happens to the node in between.
package main

import "github.com/tutti-rt/tutti/node"

func main() { node.Main(Auctions, Accounts) }

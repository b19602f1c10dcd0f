package bench

// networkScenarios are those of clients that misbehave on the network.
func networkScenarios() []Scenario {
	return []Scenario{
		{Name: "connects", What: "TCP connections opened and reset without a request, as fast as the machine can", Apart: true, Run: abuseConnects},
		{Name: "halfopen", What: "17,000 connections that stop in the middle of their handshake, reopened as fast as the machine can", Apart: true, Run: abuseHalfOpen, Growth: 512 << 20},
		{Name: "attaches", What: "links that are reset as soon as they are accepted, as fast as the machine can, by 1,000 subjects", Apart: true, Run: abuseAttaches},
		{Name: "loris", What: "1,000 connections that send their headers a byte every 100 ms", Apart: true, Run: abuseLoris},
		{Name: "drip", What: "100 links whose commands come a byte to the segment, as fast as the machine can", Apart: true, Run: abuseDrip},
		{Name: "slow", What: "5,000 slow readers at one board of 1,000 events/s, half of them too slow to keep", Apart: true, Run: abuseSlow, Check: checkSlow, Growth: 512 << 20},
		{Name: "silent", What: "1,000 clients that never answer pings, of one every 2 s", Node: []string{"--heartbeat", "2s"}, Apart: true, Run: abuseSilent},
		{Name: "oversized", What: "16 links that send frames of 2 MiB as fast as the machine can", Apart: true, Run: abuseOversized},
		{Name: "bombs", What: "frames that announce 2^62 bytes, as fast as the machine can", Apart: true, Run: abuseBombs},
		{Name: "garbage", What: "links that send what is no frame, as fast as the machine can", Apart: true, Run: abuseGarbage},
		{Name: "tokens", What: "handshakes with forged tokens, as fast as the machine can", Apart: true, Run: abuseTokens},
		{Name: "cursors", What: "links to a board with cursors that are garbage, of another epoch or from the future", Apart: true, Run: abuseCursors},
		{Name: "sublinks", What: "one subject that opens 3,000 links", Apart: true, Run: abuseSubLinks},
		{Name: "subhandshakes", What: "one subject that connects and resets as fast as the machine can", Apart: true, Run: abuseSubHandshakes},
		{Name: "frames", What: "16 links of one subject that send frames as fast as the machine can", Apart: true, Run: abuseFrames, Growth: 512 << 20},
		{Name: "subbytes", What: "8 links of one subject that send 12 MiB/s each of queries", Apart: true, Run: abuseSubBytes},
	}
}

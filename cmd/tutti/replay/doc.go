// Package replay plays a recorded editing session into a pad of the demo, through real connections:
// writers type in the recorded order, viewers follow, and in the end everybody must have the
// recording's text, byte for byte.
package replay

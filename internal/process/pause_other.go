//go:build !unix

package process

import "errors"

// Pause returns an error: it is not possible here.
func (n *Node) Pause() error { return errors.ErrUnsupported }

// Resume returns an error: it is not possible here.
func (n *Node) Resume() error { return errors.ErrUnsupported }

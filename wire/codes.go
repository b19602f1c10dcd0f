package wire

// Subprotocol is the WebSocket subprotocol of version 1.
const Subprotocol = "tutti.v1"

// MaxInteger is the largest id or revision: the largest integer that every JSON implementation
// keeps exactly.
const MaxInteger = 1<<53 - 1

// Limits of the protocol that are not configurable.
const (
	MaxPresenceBytes = 4 << 10 // presence data of one connection
	MaxMembers       = 200     // members that the first presence frame lists
	MaxDepth         = 512     // nesting of arrays and objects in a frame
)

// WebSocket close codes.
const (
	CloseNormal        = 1000 // as the client wished
	CloseBinary        = 1003 // a binary message
	CloseUTF8          = 1007 // text that is not UTF-8
	CloseBadFrame      = 4400
	CloseToken         = 4401
	CloseRefused       = 4403
	CloseGone          = 4404
	CloseHeartbeat     = 4408
	CloseReplaced      = 4409
	CloseFrameTooLarge = 4413
	CloseRate          = 4429
	CloseDraining      = 4503
	CloseSlowConsumer  = 4508
)

// Codes of a reject frame, besides the application's own.
const (
	CodeInvalid        = "invalid"
	CodeForbidden      = "forbidden"
	CodeUnknownCommand = "unknown_command"
	CodeConflict       = "conflict"
	CodeOverloaded     = "overloaded"
	CodeTooLarge       = "too_large"
	CodeRateLimited    = "rate_limited"
	CodeUnavailable    = "unavailable"
	CodeForgotten      = "forgotten"
	CodeInternal       = "internal"
)

// Codes of the problem that answers a call, besides those of a reject frame.
const (
	// CodeKeyReused means that another call of the same subject has had the key.
	CodeKeyReused = "key_reused"
	// CodeUnknown means that a call may have been carried out, now or later; with the same key it may be sent again.
	CodeUnknown = "unknown"
)

// Codes of a terminate frame, besides the application's own.
const (
	EndBadFrame       = "bad_frame"
	EndTokenExpired   = "token_expired"
	EndToken          = "token"
	EndRefused        = "refused"
	EndGone           = "gone"
	EndHeartbeat      = "heartbeat_missed"
	EndReplaced       = "replaced"
	EndFrameTooLarge  = "frame_too_large"
	EndRate           = "rate_limited"
	EndDraining       = "draining"
	EndUnavailable    = "unavailable" // the entity's owner went away or lost count
	EndSlowConsumer   = "slow_consumer"
	EndSessionTimeout = "session_timeout" // the connection did nothing for as long as its category allows
	EndTerminated     = "terminated"      // an operator has ended it
	EndLeft           = "left"            // its client has said so beside this link
)

// States of a status frame.
const (
	StatusRecovering = "recovering"
	StatusServing    = "serving"
)

// CloseCode returns the WebSocket close code that follows a terminate frame of this code. A code
// of the application's own is a refusal.
func CloseCode(end string) int {
	switch end {
	case EndBadFrame:
		return CloseBadFrame
	case EndTokenExpired, EndToken:
		return CloseToken
	case EndGone:
		return CloseGone
	case EndHeartbeat:
		return CloseHeartbeat
	case EndReplaced:
		return CloseReplaced
	case EndFrameTooLarge:
		return CloseFrameTooLarge
	case EndRate:
		return CloseRate
	case EndDraining, EndUnavailable:
		return CloseDraining
	case EndSlowConsumer:
		return CloseSlowConsumer
	case EndLeft:
		return CloseNormal
	}
	return CloseRefused
}

package websock

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"strings"
)

// Tokens returns the elements of a header that is a comma-separated list.
func Tokens(h http.Header, name string) []string {
	var all []string
	for _, line := range h.Values(name) {
		for t := range strings.SplitSeq(line, ",") {
			if t = strings.TrimSpace(t); t != "" {
				all = append(all, t)
			}
		}
	}
	return all
}

// Wanted reports whether the request asks for an upgrade to WebSocket.
func Wanted(r *http.Request) bool {
	return r.Method == http.MethodGet && hasToken(r.Header, "Connection", "upgrade") && hasToken(r.Header, "Upgrade", "websocket")
}

func hasToken(h http.Header, name, token string) bool {
	for _, t := range Tokens(h, name) {
		if strings.EqualFold(t, token) {
			return true
		}
	}
	return false
}

// ValidKey reports whether the request's Sec-WebSocket-Key is 16 bytes in base64.
func ValidKey(r *http.Request) bool {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
	return err == nil && len(key) == 16
}

// AppendAccept appends the response that accepts the upgrade with the subprotocol.
func AppendAccept(dst []byte, key, subprotocol string) []byte {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	dst = base64.StdEncoding.AppendEncode(dst, sum[:])
	dst = append(dst, "\r\nSec-WebSocket-Protocol: "...)
	dst = append(dst, subprotocol...)
	return append(dst, "\r\n\r\n"...)
}

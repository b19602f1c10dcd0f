package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/tutti-rt/tutti/bench"
)

// plain is the dialect of servers that have none: a text is a message.
func plain(address string) *bench.Peer {
	same := func(dst []byte, _ uint64, text []byte) []byte { return append(dst, text...) }
	return &bench.Peer{
		URL:     "ws://" + address,
		Path:    func(role bench.Role, object string, _ int) string { return "/" + string(role) + "/" + object },
		Publish: same,
		Echo:    same,
		Add: func(dst []byte, id uint64) []byte {
			return append(strconv.AppendUint(append(dst, `{"id":`...), id, 10), '}')
		},
	}
}

// socketIOPeer is the dialect of Socket.IO: its packets in those of Engine.IO, over a WebSocket from the beginning.
func socketIOPeer(address string) *bench.Peer {
	event := func(name string) func(dst []byte, _ uint64, text []byte) []byte {
		head := `42["` + name + `","`
		return func(dst []byte, _ uint64, text []byte) []byte {
			return append(append(append(dst, head...), text...), `"]`...)
		}
	}
	return &bench.Peer{
		URL:  "ws://" + address,
		Path: func(bench.Role, string, int) string { return "/socket.io/?EIO=4&transport=websocket" },
		Hello: func(role bench.Role, object string) []byte {
			return fmt.Appendf(nil, `40{"role":%q,"object":%q}`, role, object)
		},
		Ready: []byte("40{"), Beat: []byte("2"), Pulse: []byte("3"),
		Failure: [][]byte{[]byte("1"), []byte("41"), []byte("44")}, // closed, disconnected, refused
		Publish: event("publish"),
		Echo:    event("echo"),
		Add: func(dst []byte, id uint64) []byte { // with the id of an acknowledgement
			dst = strconv.AppendUint(append(dst, "42"...), id, 10)
			return append(strconv.AppendUint(append(dst, `["add",`...), id, 10), ']')
		},
	}
}

// tuttiPeer is the client protocol, version 1. With signals, what is published is not stored.
func tuttiPeer(address, token string, signals bool) *bench.Peer {
	p := &bench.Peer{
		URL: "ws://" + address, Protocol: "tutti.v1", Header: http.Header{"Authorization": {"Bearer " + token}},
		Path: func(role bench.Role, object string, number int) string {
			query := url.Values{"conn": {"peers-" + string(role) + "-link-" + strconv.Itoa(1_000_000+number)}}
			category := "room"
			if role != bench.RoleSubscribe {
				query.Set("watch", "0")
			}
			if role == bench.RoleAdd {
				category = "counter"
			}
			return "/v1/" + category + "/" + object + "?" + query.Encode()
		},
		Ready:   []byte(`{"type":"welcome"`),
		Failure: [][]byte{[]byte(`{"type":"reject"`), []byte(`{"type":"terminate"`)},
		Publish: func(dst []byte, id uint64, text []byte) []byte {
			return wrap(command(dst, id), `"say","data":{"text":"`, text, `"}}`)
		},
		Echo: func(dst []byte, _ uint64, text []byte) []byte { return wrap(dst, `{"type":"ping","t":"`, text, `"}`) },
		Add: func(dst []byte, id uint64) []byte {
			return append(command(dst, id), `"add","data":{"by":1}}`...)
		},
		Answer: []byte(`{"type":"ack"`), Unanswered: 250,
	}
	if signals {
		p.Answer, p.Unanswered = nil, 0
		p.Publish = func(dst []byte, _ uint64, text []byte) []byte {
			return wrap(dst, `{"type":"signal","name":"typing","data":"`, text, `"}`)
		}
	}
	return p
}

func command(dst []byte, id uint64) []byte {
	dst = strconv.AppendUint(append(dst, `{"type":"command","id":`...), id, 10)
	return append(dst, `,"name":`...)
}

func wrap(dst []byte, before string, text []byte, after string) []byte {
	return append(append(append(dst, before...), text...), after...)
}

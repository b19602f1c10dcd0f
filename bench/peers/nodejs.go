package main

import (
	"net"
	"path/filepath"
	"runtime"

	"github.com/tutti-rt/tutti/bench"
	"github.com/tutti-rt/tutti/internal/process"
)

const inMemory = "not durable: counts in memory"

// script returns what runs a script of Node.js that listens at PORT.
func script(dir, name string, env ...string) func(address, data string) process.Config {
	return func(address, _ string) process.Config {
		_, port, _ := net.SplitHostPort(address) // it is one that was free
		return process.Config{Program: "node", Args: []string{filepath.Join(dir, "servers", name)}, Env: append([]string{"PORT=" + port}, env...)}
	}
}

func plainWS(dir string) *server {
	return &server{
		name: "ws", packaged: "ws", roles: allRoles, command: script(dir, "ws.js"), peer: plain,
		remarks: map[bench.Role]string{bench.RoleAdd: inMemory},
	}
}

// storedWS is ws with the storage that is usual for it.
func storedWS(dir string) *server {
	return &server{
		name: "ws + better-sqlite3", packaged: "better-sqlite3", roles: addRole, durable: true, peer: plain,
		command: func(address, data string) process.Config {
			return script(dir, "ws.js", "COUNTERS="+filepath.Join(data, "counters.db"))(address, data)
		},
		remarks: map[bench.Role]string{bench.RoleAdd: "WAL, synchronous=FULL"},
	}
}

func uws(dir string) *server {
	return &server{
		name: "uWebSockets.js", packaged: "@trufflesuite/uws-js-unofficial", roles: allRoles, command: script(dir, "uws.js"), peer: plain,
		remarks: map[bench.Role]string{bench.RoleAdd: inMemory},
	}
}

func socketIO(dir string) *server {
	return &server{
		name: "Socket.IO", packaged: "socket.io", roles: allRoles, command: script(dir, "socketio.js"), peer: socketIOPeer,
		remarks: map[bench.Role]string{bench.RoleAdd: inMemory},
	}
}

// workerdProgram is the program itself. What npm has in workerd/bin may be a script that starts it, and would not end it.
func workerdProgram(dir string) string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "64"
	}
	return filepath.Join(dir, "node_modules", "@cloudflare", "workerd-"+runtime.GOOS+"-"+arch, "bin", "workerd")
}

func workerd(dir string) *server {
	return &server{
		name: "workerd", packaged: "workerd", roles: allRoles, durable: true, peer: plain,
		command: func(address, data string) process.Config {
			return process.Config{
				Program: workerdProgram(dir),
				Args: []string{
					"serve", filepath.Join(dir, "servers", "workerd.capnp"),
					"--socket-addr", "http=" + address, "--directory-path", "objects=" + data,
				},
			}
		},
		remarks: map[bench.Role]string{
			bench.RoleSubscribe: "one Durable Object, nothing stored",
			bench.RoleEcho:      "a Worker without an object",
			bench.RoleAdd:       "Durable Objects on SQLite",
			roleIdle:            "hibernatable, at one object",
		},
	}
}

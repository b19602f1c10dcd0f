# The address of the socket and the directory of the objects come from the command line: --socket-addr, --directory-path.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "objects", disk = (writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const main :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.js")],
  compatibilityDate = "2026-10-01",
  durableObjectNamespaces = [
    (className = "Room", uniqueKey = "tutti-bench-room", enableSql = true),
    (className = "Counter", uniqueKey = "tutti-bench-counter", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [
    (name = "ROOMS", durableObjectNamespace = "Room"),
    (name = "COUNTERS", durableObjectNamespace = "Counter"),
  ],
);

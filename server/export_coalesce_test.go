package server

import (
	"net"
	"sync"
)

// Coalescing wraps a connection as the gRPC door does.
func Coalescing(conn net.Conn) net.Conn { return newCoalescingConn(conn, new(sync.Pool)) }

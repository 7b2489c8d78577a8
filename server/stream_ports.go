package server

import (
	"context"

	"google.golang.org/grpc"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
)

// A wireStreamRequest is an AllocateStreamRequest as it came; the codec leaves it to the handler.
type wireStreamRequest struct{ wire string }

// allocateStreamOnWire is the handler of AllocateStream on the first port. Requests are read from the wire, and answers
// written to it.
func allocateStreamOnWire(srv any, stream grpc.ServerStream) error {
	return srv.(*Server).allocateStream(stream.Context(),
		func(items []streamItem) ([]streamItem, error) {
			var raw wireStreamRequest
			if err := stream.RecvMsg(&raw); err != nil {
				return items, err
			}
			return readItems(items, raw.wire)
		},
		func(groups answeredGroups) error { return stream.SendMsg(groups) })
}

// allocateMessages is allocateStream for messages that are decoded.
func (s *Server) allocateMessages(
	ctx context.Context, receive func() (*allotv1.AllocateStreamRequest, error), send func(*allotv1.AllocateStreamResponse) error,
) error {
	return s.allocateStream(ctx,
		func(items []streamItem) ([]streamItem, error) {
			m, err := receive()
			if err != nil {
				return items, err
			}
			return messageItems(items, m)
		},
		func(groups answeredGroups) error {
			m, err := groups.message()
			if err != nil {
				return err
			}
			return send(m)
		})
}

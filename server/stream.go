package server

import (
	"context"
	"errors"
	"io"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
)

// allocateStream answers the requests of a stream one after the other.
func (s *Server) allocateStream(
	ctx context.Context, receive func() (*allotv1.AllocateStreamRequest, error), send func(*allotv1.AllocateStreamResponse) error,
) error {
	for {
		request, err := receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		out := &allotv1.AllocateStreamResponse{}
		for _, r := range request.GetRequests() {
			tagged := &allotv1.TaggedAllocateResponse{Tag: r.GetTag()}
			if answer, err := s.Allocate(ctx, r.GetRequest()); err != nil {
				tagged.Outcome = &allotv1.TaggedAllocateResponse_Error{Error: statusOf(err).Proto()}
			} else {
				tagged.Outcome = &allotv1.TaggedAllocateResponse_Answer{Answer: answer}
			}
			out.Answers = append(out.Answers, tagged)
		}
		if err := send(out); err != nil {
			return err
		}
	}
}

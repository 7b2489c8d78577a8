package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"google.golang.org/protobuf/proto"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
)

// serialStream is what AllocateStream does, said plainly: the requests one after the other, each as a call of Allocate.
func serialStream(
	ctx context.Context, s *Server, receive func() (*allotv1.AllocateStreamRequest, error), send func(*allotv1.AllocateStreamResponse) error,
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
			in := r.GetRequest()
			if in == nil {
				in = &allotv1.AllocateRequest{}
			}
			tagged := &allotv1.TaggedAllocateResponse{Tag: r.GetTag()}
			if answer, err := s.Allocate(ctx, in); err != nil {
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

func streamOf(items ...*allotv1.TaggedAllocateRequest) *allotv1.AllocateStreamRequest {
	return &allotv1.AllocateStreamRequest{Requests: items}
}

func tagged(tag uint64, r *allotv1.AllocateRequest) *allotv1.TaggedAllocateRequest {
	return &allotv1.TaggedAllocateRequest{Tag: tag, Request: r}
}

func TestStreamSmoke(t *testing.T) {
	s := serve(t, nil)
	stream, err := s.allocation.AllocateStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := streamOf()
	for i := range 100 {
		m.Requests = append(m.Requests, tagged(uint64(i), allocate(fmt.Sprint(i), order("10001", "mug", 1))))
	}
	if err := stream.Send(m); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		out, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range out.GetAnswers() {
			n++
			if a.GetTag() == 3 {
				t.Log(a)
			}
			_ = proto.Size(a)
		}
	}
	if n != 100 {
		t.Error(n)
	}
}

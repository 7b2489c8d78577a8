package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/allot-engine/allot/faults"
)

// plainJSON returns a message in the JSON of the contract, without the blanks that protojson strews in so that nobody
// relies on its bytes.
func plainJSON(m proto.Message) (json.RawMessage, error) {
	raw, err := protojson.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("writing a %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	var plain bytes.Buffer
	if err := json.Compact(&plain, raw); err != nil {
		return nil, fmt.Errorf("writing a %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return plain.Bytes(), nil
}

// asFaults returns the faults of a *faults.Error.
func asFaults(err error) ([]faults.Fault, bool) {
	if bad, ok := errors.AsType[*faults.Error](err); ok {
		return bad.Faults, true
	}
	return nil, false
}

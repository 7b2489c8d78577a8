package server

import (
	"regexp"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/faults"
)

// jsonPlace is where protojson says that it stopped.
var jsonPlace = regexp.MustCompile(`\(line (\d+):(\d+)\): `)

// ParseOrder reads an order in the JSON of the contract, exactly as the second port reads one within a request. The
// error is a *faults.Error that says at which row and column of data it cannot be read; what the order says is not
// judged.
func ParseOrder(data []byte) (*allotv1.Order, error) {
	m := &allotv1.Order{}
	err := protojson.Unmarshal(data, m)
	if err == nil {
		return m, nil
	}
	var fl faults.List
	for _, v := range explainJSON(err, data, m) {
		f := faults.Fault{Field: v.GetField(), Problem: v.GetDescription()}
		if at := jsonPlace.FindStringSubmatchIndex(f.Problem); at != nil {
			f.Row, _ = strconv.Atoi(f.Problem[at[2]:at[3]]) // digits
			f.Column, _ = strconv.Atoi(f.Problem[at[4]:at[5]])
			f.Problem = f.Problem[:at[0]] + f.Problem[at[1]:]
		}
		fl.Add(f)
	}
	return nil, fl.Err()
}

// WriteParcelCharges returns how a parcel was priced in the words of the contract.
func WriteParcelCharges(snap *network.Snapshot, p *engine.ParcelCharges) *allotv1.ParcelCharges {
	return writeCharges(snap, p)
}

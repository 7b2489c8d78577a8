package server

import (
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/engine"
	"github.com/allot-engine/allot/engine/network"
	"github.com/allot-engine/allot/ledger"
	"github.com/allot-engine/allot/units"
)

// Answers are built in blocks: one allocation for the messages of a decision, one for those of all its shipments, one
// for all items, one for all parcels. Message by message it would be five times as many.

type decisionBlock struct {
	decision    allotv1.Decision
	certificate allotv1.Certificate
	arrives     timestamppb.Timestamp
}

type shipmentBlock struct {
	shipment                       allotv1.Shipment
	ready, pickup, arrives, latest timestamppb.Timestamp
}

type parcelBlock struct {
	parcel allotv1.Parcel
	sides  [3]int64
}

// A told is what is told with a decision besides what the engine says of it.
type told struct {
	prices string // version of the prices that counted; empty for none
	joint  bool   // it was decided together with others
}

// WriteDecision returns a decision in the words of the contract. It shares no memory with d. It names no version of prices.
func WriteDecision(snap *network.Snapshot, d *engine.Decision) *allotv1.Decision {
	return writeDecision(snap, d, told{})
}

func writeDecision(snap *network.Snapshot, d *engine.Decision, with told) *allotv1.Decision {
	block := &decisionBlock{}
	block.certificate = allotv1.Certificate{
		Status:      allotv1.CertificateStatus(d.Certificate.Status),
		BoundMicros: int64(d.Certificate.Bound),
		GapMicros:   int64(d.Certificate.Gap),
		Candidates:  d.Certificate.Candidates,
		Scored:      d.Certificate.Scored,
		States:      d.Certificate.States,
		Stopped:     d.Certificate.Stopped,
		Joint:       with.joint,
	}
	m := &block.decision
	m.Outcome = allotv1.Outcome(d.Outcome)
	m.CostMicros = int64(d.Cost)
	m.Currency = snap.Currency
	m.SplitCostMicros = int64(d.SplitCost)
	m.ArrivesAt = instant(&block.arrives, d.Arrival)
	m.Late = d.Late
	m.Shipments = writeShipments(snap, d.Shipments)
	m.Unfilled = writeItems(snap, d.Unfilled)
	m.Certificate = &block.certificate
	m.NetworkVersion = snap.Version
	m.PricesVersion = with.prices
	m.PricesMicros = int64(d.Prices())
	return m
}

func writeShipments(snap *network.Snapshot, shipments []engine.Shipment) []*allotv1.Shipment {
	if len(shipments) == 0 {
		return nil
	}
	blocks := make([]shipmentBlock, len(shipments))
	out := make([]*allotv1.Shipment, len(shipments))
	for i := range shipments {
		s, block := &shipments[i], &blocks[i]
		service := &snap.Services[s.Service]
		m := &block.shipment
		m.Warehouse = snap.Warehouses[s.Warehouse].ID
		m.Carrier = snap.Carriers[service.Carrier]
		m.Service = service.ID
		m.Items = writeItems(snap, s.Items)
		m.Parcels = writeParcels(snap, s.Parcels)
		m.FreightMicros = int64(s.Freight)
		m.HandlingMicros = int64(s.Handling)
		m.OtherMicros = int64(s.Other)
		m.Zone = zoneName(service, s)
		m.ZoneGuessed = s.Guessed
		m.ReadyAt = instant(&block.ready, s.Ready)
		m.PickupAt = instant(&block.pickup, s.Pickup)
		m.ShipDate = s.ShipDate.String()
		m.DeliveryDate = s.DeliveryDate.String()
		m.ArrivesAt = instant(&block.arrives, s.Arrival)
		m.LatestOrderAt = instant(&block.latest, s.LatestOrder)
		m.DaysLate = s.DaysLate
		m.StockPriceMicros = int64(s.StockPrice)
		m.CapacityPriceMicros = int64(s.CapacityPrice)
		out[i] = m
	}
	return out
}

// zoneName is the carrier's name for the zone of a shipment; empty where a service has one for all.
func zoneName(service *network.Service, s *engine.Shipment) string {
	if service.Zones == nil {
		return ""
	}
	return service.Zones.Name(s.Zone)
}

func writeItems(snap *network.Snapshot, items []engine.Item) []*allotv1.Item {
	if len(items) == 0 {
		return nil
	}
	blocks := make([]allotv1.Item, len(items))
	out := make([]*allotv1.Item, len(items))
	for i, it := range items {
		blocks[i].Sku = snap.SKUs.IDs[it.SKU]
		blocks[i].Quantity = it.Quantity
		out[i] = &blocks[i]
	}
	return out
}

func writeParcels(snap *network.Snapshot, parcels []engine.Parcel) []*allotv1.Parcel {
	if len(parcels) == 0 {
		return nil
	}
	blocks := make([]parcelBlock, len(parcels))
	out := make([]*allotv1.Parcel, len(parcels))
	for i := range parcels {
		p, block := &parcels[i], &blocks[i]
		m := &block.parcel
		if p.Box >= 0 {
			m.Box = snap.Boxes[p.Box].ID
		}
		m.Units = p.Units
		m.WeightNg = int64(p.Weight)
		for j, side := range p.Sides {
			block.sides[j] = int64(side)
		}
		m.SidesUm = block.sides[:]
		out[i] = m
	}
	return out
}

// instant fills in and returns t, or nil where there is no instant.
func instant(t *timestamppb.Timestamp, at units.Instant) *timestamppb.Timestamp {
	if at == 0 {
		return nil
	}
	t.Seconds = int64(at)
	return t
}

// writeHold returns a hold as it is in a state, with its lines.
func writeHold(snap *network.Snapshot, h *ledger.Hold) *allotv1.Hold {
	m := &allotv1.Hold{Id: holdName(h.ID), OrderId: h.Order, State: allotv1.HoldState(h.Status)}
	if h.Status == ledger.Pending {
		m.ExpiresAt = instant(&timestamppb.Timestamp{}, h.Expires)
	}
	lines := make([]allotv1.HoldLine, len(h.Stock))
	for i := range h.Stock {
		c := &h.Stock[i]
		lines[i].Warehouse, lines[i].Sku = snap.Warehouses[c.Warehouse].ID, snap.SKUs.IDs[c.SKU]
		lines[i].Quantity, lines[i].Shipped, lines[i].Short, lines[i].Returned = c.Quantity, c.Shipped, c.Short, c.Returned
		m.Lines = append(m.Lines, &lines[i])
	}
	return m
}

func writeOptions(snap *network.Snapshot, options []engine.Option, with told) []*allotv1.Option {
	out := make([]*allotv1.Option, len(options))
	for i := range options {
		o := &options[i]
		out[i] = &allotv1.Option{
			DeliveryDate:  o.Date.String(),
			CostMicros:    int64(o.Cost),
			LatestOrderAt: instant(&timestamppb.Timestamp{}, o.LatestOrder),
			Decision:      writeDecision(snap, &o.Decision, with),
		}
	}
	return out
}

// WriteExplanation returns an explanation in the words of the contract, with at most so many candidates.
func WriteExplanation(snap *network.Snapshot, x *engine.Explanation, candidates int) *allotv1.Explanation {
	m := &allotv1.Explanation{CandidateCount: int32(len(x.Candidates)), GapMicros: int64(x.Gap)}
	for i := range x.Shipments {
		b := &allotv1.Breakdown{Terms: writeTerms(x.Shipments[i].Terms)}
		for j := range x.Shipments[i].Parcels {
			b.Parcels = append(b.Parcels, writeCharges(snap, &x.Shipments[i].Parcels[j]))
		}
		m.Shipments = append(m.Shipments, b)
	}
	for i := range x.Candidates[:min(len(x.Candidates), candidates)] {
		m.Candidates = append(m.Candidates, writeCandidate(snap, &x.Candidates[i]))
	}
	if x.RunnerUp != nil {
		m.RunnerUp = writeCandidate(snap, x.RunnerUp)
	}
	for i := range x.WhatIf {
		m.WhatIfs = append(m.WhatIfs, writeWhatIf(snap, &x.WhatIf[i]))
	}
	return m
}

func writeTerms(terms []engine.Term) []*allotv1.Term {
	out := make([]*allotv1.Term, len(terms))
	for i, t := range terms {
		out[i] = &allotv1.Term{Name: t.Name, AmountMicros: int64(t.Amount)}
	}
	return out
}

func writeCharges(snap *network.Snapshot, p *engine.ParcelCharges) *allotv1.ParcelCharges {
	m := &allotv1.ParcelCharges{
		Parcel:              writeParcels(snap, []engine.Parcel{p.Parcel})[0],
		Zone:                p.Rating.Zone,
		DimensionalWeightNg: int64(p.Rating.Dimensional),
		BillableWeightNg:    int64(p.Rating.Billable),
		Structure:           p.Rating.Structure,
		TotalMicros:         int64(p.Rating.Total),
	}
	for _, c := range p.Rating.Charges {
		m.Charges = append(m.Charges, &allotv1.Charge{Kind: c.Kind, Name: c.Name, AmountMicros: int64(c.Amount), Assumed: c.Assumed})
	}
	return m
}

func writeCandidate(snap *network.Snapshot, c *engine.Candidate) *allotv1.Candidate {
	m := &allotv1.Candidate{
		Warehouse:   snap.Warehouses[c.Warehouse].ID,
		Service:     snap.Services[c.Service].ID,
		Constraint:  allotv1.Constraint(c.Killed),
		Detail:      c.Detail,
		ZoneGuessed: c.Guessed,
	}
	if c.Killed == engine.None {
		m.CostMicros = int64(c.Cost)
		m.Terms = writeTerms(c.Terms)
	}
	if c.ShipDate != 0 {
		m.ShipDate = c.ShipDate.String()
	}
	if c.DeliveryDate != 0 {
		m.DeliveryDate = c.DeliveryDate.String()
	}
	return m
}

func writeWhatIf(snap *network.Snapshot, x *engine.WhatIf) *allotv1.WhatIf {
	m := &allotv1.WhatIf{Warehouse: snap.Warehouses[x.Warehouse].ID, Service: snap.Services[x.Service].ID}
	wins := m.Warehouse + " by " + m.Service + " wins if "
	switch x.Change {
	case engine.Cheaper:
		m.Change = &allotv1.WhatIf_CheaperByMicros{CheaperByMicros: int64(x.Cheaper)}
		m.Text = fmt.Sprintf("%sit costs over %v %s less", wins, x.Cheaper, snap.Currency)
	case engine.CutoffLater:
		m.Change = &allotv1.WhatIf_CutoffLaterMinutes{CutoffLaterMinutes: x.Minutes}
		m.Text = fmt.Sprintf("%sits cut-off is %d minutes later", wins, x.Minutes)
	case engine.MoreStock:
		item := &allotv1.Item{Sku: snap.SKUs.IDs[x.SKU], Quantity: x.Units}
		m.Change = &allotv1.WhatIf_MoreStock{MoreStock: item}
		m.Text = fmt.Sprintf("%sit has %d more of %s", wins, x.Units, item.GetSku())
	}
	return m
}

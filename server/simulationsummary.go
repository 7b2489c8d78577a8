package server

import (
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/simulate/results"
	"github.com/allot-engine/allot/units"
)

// writeSummary returns a summary in the words of the contract.
func writeSummary(s *results.Summary) *allotv1.SimulationSummary {
	m := &allotv1.SimulationSummary{
		Partial: s.Partial, Hash: s.Hash, StateHash: s.State, Seed: s.Seed, NetworkVersions: s.Networks, Currency: s.Currency, Faults: s.Faults,
		Orders: &allotv1.SimulationOrders{
			History: s.Orders.History, Done: s.Orders.Done, Filled: s.Orders.Filled, Refused: s.Orders.Refused, Malformed: s.Orders.Malformed,
			FillPpm: int64(s.Orders.Fill), Units: s.Orders.Units, ValueMicros: optionalMoney(s.Orders.Value), LostMicros: optionalMoney(s.Orders.Lost),
			FirstAt: readInstant(s.Orders.First), LastAt: readInstant(s.Orders.Last),
		},
		Cost: &allotv1.SimulationCost{
			TotalMicros: int64(s.Cost.Total), PerOrderMicros: int64(s.Cost.PerOrder), FreightMicros: int64(s.Cost.Freight), SplitMicros: int64(s.Cost.Split),
		},
		Floor: &allotv1.SimulationFloor{
			Orders: s.Floor.Orders, CostMicros: int64(s.Floor.Cost), TotalMicros: int64(s.Floor.Total), PerOrderMicros: int64(s.Floor.PerOrder),
			GapMicros: int64(s.Floor.Gap), GapPpm: int64(s.Floor.Share), Refused: s.Floor.Refused,
		},
		OnTime: &allotv1.SimulationOnTime{
			Promised: s.OnTime.Promised, Planned: s.OnTime.Planned, PlannedPpm: int64(s.OnTime.Share), ExpectedLatePpm: int64(s.OnTime.ExpectedLate),
			Realised: s.OnTime.Realised, RealisedLatePpm: int64(s.OnTime.RealisedLate),
		},
		Mishaps: &allotv1.SimulationMishaps{Delayed: s.Mishaps.Delayed, Days: s.Mishaps.Days, Lost: s.Mishaps.Lost, Orders: s.Mishaps.Orders},
		Shipping: &allotv1.SimulationShipping{
			Shipments: s.Shipping.Shipments, PerOrderPpm: int64(s.Shipping.PerOrder), Parcels: s.Shipping.Parcels, WeightKg: s.Shipping.Weight,
			Metres: s.Shipping.Metres, MeanMetres: s.Shipping.MeanMetres, Co2Grams: s.Shipping.CO2Grams, Co2GramsPerOrder: s.Shipping.CO2PerOrder,
			GuessedZones: s.Shipping.GuessedZones,
		},
		Transit: writeDays(&s.Transit), Delivery: writeDays(&s.Delivery),
		StockOuts: &allotv1.SimulationStockOuts{Events: s.StockOuts.Events, Skus: s.StockOuts.SKUs, Everywhere: s.StockOuts.Everywhere},
	}
	for _, name := range slices.Sorted(maps.Keys(s.Sources)) {
		m.Sources = append(m.Sources, &allotv1.SimulationSource{Name: name, Hash: s.Sources[name]})
	}
	for _, r := range s.Orders.Refusals {
		m.Orders.Refusals = append(m.Orders.Refusals, &allotv1.SimulationRefusals{Outcome: r.Outcome, Orders: r.Orders})
	}
	for _, t := range s.Cost.Terms {
		m.Cost.Terms = append(m.Cost.Terms, &allotv1.SimulationTerm{Term: t.Term, TotalMicros: int64(t.Total), SharePpm: int64(t.Share)})
	}
	for _, c := range s.Splits {
		m.Splits = append(m.Splits, &allotv1.SimulationSplit{Shipments: c.Shipments, Orders: c.Orders, SharePpm: int64(c.Share)})
	}
	for _, w := range s.Warehouses {
		m.Warehouses = append(m.Warehouses, &allotv1.SimulationWarehouse{
			Warehouse: w.Warehouse, Shipments: w.Shipments, SharePpm: int64(w.Share), Units: w.Units, CostMicros: int64(w.Cost), FreightMicros: int64(w.Freight),
			PeakDay: w.PeakDay, Peak: w.Peak, Capacity: w.Capacity, UsedPpm: int64(w.Used), FullDays: w.FullDays, Backlog: w.Backlog, BacklogOn: w.BacklogOn,
		})
	}
	for _, c := range s.Carriers {
		m.Carriers = append(m.Carriers, writeCarrier(&c, ""))
	}
	for _, c := range s.Services {
		m.Services = append(m.Services, writeCarrier(&c.CarrierTotal, c.Service))
	}
	for _, o := range s.StockOuts.First {
		m.StockOuts.First = append(m.StockOuts.First, &allotv1.SimulationStockOut{Sku: o.SKU, EverywhereAt: readInstant(o.At)})
	}
	for _, o := range s.StockOuts.Top {
		m.StockOuts.Top = append(m.StockOuts.Top, &allotv1.SimulationStockOut{
			Sku: o.SKU, Events: o.Events, FirstAt: readInstant(o.First), EverywhereAt: readInstant(o.Everywhere),
		})
	}
	for _, d := range s.Days {
		m.Days = append(m.Days, &allotv1.SimulationDay{
			Date: d.Date.String(), Orders: d.Orders, Filled: d.Filled, Refused: d.Refused, CostMicros: int64(d.Cost),
			Shipments: d.Shipments, Units: d.Units, FreightMicros: int64(d.Freight),
		})
	}
	return m
}

func writeDays(d *results.DaysTotals) *allotv1.SimulationDays {
	m := &allotv1.SimulationDays{MeanPpm: int64(d.Mean)}
	for _, c := range d.Days {
		m.Days = append(m.Days, &allotv1.SimulationDaysCount{Days: c.Days, Shipments: c.Shipments, SharePpm: int64(c.Share)})
	}
	return m
}

func writeCarrier(c *results.CarrierTotal, service string) *allotv1.SimulationCarrier {
	return &allotv1.SimulationCarrier{
		Carrier: c.Carrier, Service: service, Shipments: c.Shipments, SharePpm: int64(c.Share), SpendMicros: int64(c.Spend), SpendPpm: int64(c.OfSpend),
		Units: c.Units, WeightKg: c.Weight,
	}
}

func optionalMoney(m *units.Money) *int64 {
	if m == nil {
		return nil
	}
	return new(int64(*m))
}

// readInstant reads what a summary has as RFC 3339; nil where it has nothing.
func readInstant(text string) *timestamppb.Timestamp {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil
	}
	return timestamppb.New(at)
}

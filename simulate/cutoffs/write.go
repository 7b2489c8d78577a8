package cutoffs

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/allot-engine/allot/units"
)

// A clock says moments in the time of warehouses.
type clock map[string]*time.Location // by warehouse id

// clock returns the time zones of the warehouses.
func (a *Answer) clock() (clock, error) {
	c := clock{}
	for i := range a.Snapshot.Warehouses {
		wh := &a.Snapshot.Warehouses[i]
		zone, err := time.LoadLocation(wh.TimeZone)
		if err != nil {
			return nil, fmt.Errorf("time zone of %s: %w", wh.ID, err)
		}
		c[wh.ID] = zone
	}
	return c, nil
}

func utc(at units.Instant) time.Time { return time.Unix(int64(at), 0).UTC() }

// Local returns a moment in the time of its warehouse.
func (a *Answer) Local(m *Moment) (time.Time, error) {
	row, ok := a.Snapshot.Warehouse(m.Warehouse)
	if !ok {
		return time.Time{}, fmt.Errorf("no warehouse %q", m.Warehouse)
	}
	zone, err := time.LoadLocation(a.Snapshot.Warehouses[row].TimeZone)
	return utc(m.At).In(zone), err
}

var header = []string{
	"level", "region", "state", "service", "warehouse", "places", "served", "orders", "orders_served",
	"all_until_utc", "all_until_local", "all_service", "all_warehouse", "all_ship_date", "all_delivery_date",
	"some_until_utc", "some_until_local", "some_service", "some_warehouse", "some_ship_date", "some_delivery_date",
	"cost_least", "cost_mean", "cost_most", "zone_guessed",
}

// WriteCSV writes the rows as a table. Times are RFC 3339, local ones in the zone of the warehouse; a region that nothing reaches
// in time has a row whose times and costs are empty.
func (a *Answer) WriteCSV(w io.Writer) error {
	zones, err := a.clock()
	if err != nil {
		return err
	}
	out := csv.NewWriter(w)
	_ = out.Write(header) // Flush remembers errors
	cells := make([]string, 0, len(header))
	for i := range a.Rows {
		r := &a.Rows[i]
		cells = append(cells[:0], r.Level, r.Region, r.State, r.Service, r.Warehouse, strconv.Itoa(r.Places), strconv.Itoa(r.Served),
			strconv.FormatInt(r.Orders, 10), strconv.FormatInt(r.Weight, 10))
		for _, m := range []*Moment{&r.All, &r.Some} {
			if r.Served == 0 {
				cells = append(cells, "", "", "", "", "", "")
				continue
			}
			cells = append(cells, utc(m.At).Format(time.RFC3339), utc(m.At).In(zones[m.Warehouse]).Format(time.RFC3339), m.Service, m.Warehouse,
				m.ShipDate.String(), m.DeliveryDate.String())
		}
		if r.Served == 0 {
			cells = append(cells, "", "", "", "")
		} else {
			cells = append(cells, r.Least.String(), r.Mean.String(), r.Most.String(), strconv.FormatBool(r.Guessed))
		}
		_ = out.Write(cells)
	}
	out.Flush()
	return out.Error()
}

// The JSON of an answer.
type (
	answerJSON struct {
		Network        string    `json:"network"`
		NetworkVersion string    `json:"networkVersion"`
		Currency       string    `json:"currency"`
		DeliverBy      string    `json:"deliverBy"`
		Content        string    `json:"content"`
		Places         int       `json:"places"`
		Rows           []rowJSON `json:"rows"`
	}
	rowJSON struct {
		Level        string      `json:"level"`
		Region       string      `json:"region,omitempty"`
		State        string      `json:"state,omitempty"`
		Service      string      `json:"service,omitempty"`
		Warehouse    string      `json:"warehouse,omitempty"`
		Places       int         `json:"places"`
		Served       int         `json:"served"`
		Orders       int64       `json:"orders"`
		OrdersServed int64       `json:"ordersServed"`
		All          *momentJSON `json:"allUntil,omitempty"`
		Some         *momentJSON `json:"someUntil,omitempty"`
		Least        string      `json:"costLeast,omitempty"`
		Mean         string      `json:"costMean,omitempty"`
		Most         string      `json:"costMost,omitempty"`
		Guessed      bool        `json:"zoneGuessed,omitempty"`
	}
	momentJSON struct {
		UTC          string `json:"utc"`
		Local        string `json:"local"`
		Service      string `json:"service"`
		Warehouse    string `json:"warehouse"`
		ShipDate     string `json:"shipDate"`
		DeliveryDate string `json:"deliveryDate"`
	}
)

// WriteJSON writes the answer as JSON, a row a line. version is that of the network as its files have it, content says what is
// ordered.
func (a *Answer) WriteJSON(w io.Writer, version, content string) error {
	zones, err := a.clock()
	if err != nil {
		return err
	}
	head, err := json.Marshal(answerJSON{
		Network: a.Snapshot.Name, NetworkVersion: version, Currency: a.Snapshot.Currency, DeliverBy: a.By.String(), Content: content, Places: a.Places,
		Rows: []rowJSON{},
	})
	if err != nil {
		return err
	}
	if _, err := w.Write(head[:len(head)-len("]}")]); err != nil {
		return err
	}
	for i := range a.Rows {
		r := &a.Rows[i]
		row := rowJSON{
			Level: r.Level, Region: r.Region, State: r.State, Service: r.Service, Warehouse: r.Warehouse, Places: r.Places, Served: r.Served,
			Orders: r.Orders, OrdersServed: r.Weight,
		}
		if r.Served > 0 {
			told := func(m *Moment) *momentJSON {
				return &momentJSON{
					UTC: utc(m.At).Format(time.RFC3339), Local: utc(m.At).In(zones[m.Warehouse]).Format(time.RFC3339), Service: m.Service,
					Warehouse: m.Warehouse, ShipDate: m.ShipDate.String(), DeliveryDate: m.DeliveryDate.String(),
				}
			}
			row.All, row.Some, row.Guessed = told(&r.All), told(&r.Some), r.Guessed
			row.Least, row.Mean, row.Most = r.Least.String(), r.Mean.String(), r.Most.String()
		}
		line, err := json.Marshal(row)
		if err != nil {
			return err
		}
		end := "\n"
		if i > 0 {
			end = ",\n"
		}
		if _, err := io.WriteString(w, end+string(line)); err != nil {
			return err
		}
	}
	_, err = io.WriteString(w, "\n]}\n")
	return err
}

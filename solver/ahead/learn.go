package ahead

import "slices"

// A Learner corrects a forecast by the orders that were seen. The rates of SKUs, regions and promises, and of all
// orders, are each the forecast's times a factor, with a gamma distribution before anything was seen; counts are
// Poisson, so the factor is (shape + seen) / (shape + expected). The shapes of SKUs, regions and promises follow from
// how far the counts are from what was expected, so a good forecast is left alone.
type Learner struct {
	base    Forecast
	volume  float64   // orders a cycle
	elapsed float64   // cycles
	of      [][]int32 // [sku] the types with it

	orders                  float64 // seen, and of them those with
	skus, regions, promises []float64
}

// volumeShape is the shape of the factor of all orders: as if so many had been seen.
const volumeShape = 10

// NewLearner returns a Learner that has seen nothing. The forecast expects volume orders a cycle.
func NewLearner(f *Forecast, volume float64, skus int) *Learner {
	l := &Learner{
		base: *f, volume: volume, skus: make([]float64, skus), regions: make([]float64, len(f.Regions)), of: make([][]int32, skus),
		promises: make([]float64, len(f.Promises)),
	}
	for t := range f.Types {
		for _, sku := range f.Types[t].SKUs {
			l.of[sku] = append(l.of[sku], int32(t))
		}
	}
	return l
}

// See counts an order. elapsed is the part of a cycle that passed since the order before.
func (l *Learner) See(o *Order, elapsed float64) {
	l.elapsed += elapsed
	l.orders++
	for _, line := range o.Lines {
		if int(line.SKU) < len(l.skus) {
			l.skus[line.SKU]++
		}
	}
	if int(o.Region) < len(l.regions) {
		l.regions[o.Region]++
	}
	if int(o.Promise) < len(l.promises) {
		l.promises[o.Promise]++
	}
}

// Forecast returns what the Learner now believes, and how many orders a cycle has.
func (l *Learner) Forecast() (*Forecast, float64) {
	volume := l.volume * (volumeShape + l.orders) / (volumeShape + l.volume*l.elapsed)
	if l.volume == 0 {
		volume = l.orders / max(l.elapsed, 1e-9)
	}
	f := l.base
	f.Regions = posterior(l.base.Regions, l.regions)
	f.Promises = posterior(l.base.Promises, l.promises)
	f.Types = slices.Clone(l.base.Types)
	if l.orders == 0 {
		return &f, volume
	}
	// The weight of a type has the factors of all its SKUs, so they are found one after the other, again and again.
	weight := make([]float64, len(f.Types))
	factor := make([]float64, len(l.skus))
	for i := range factor {
		factor[i] = 1
	}
	sum := 0.0
	expected := make([]float64, len(l.skus))
	for t := range weight {
		weight[t] = l.base.Types[t].Weight
		sum += weight[t]
	}
	if sum <= 0 {
		return &f, volume
	}
	for t, w := range weight {
		for _, sku := range l.base.Types[t].SKUs {
			expected[sku] += w / sum * l.orders
		}
	}
	shape := spreadShape(expected, l.skus)
	for range 12 {
		for i := range factor {
			e := 0.0
			for _, t := range l.of[i] {
				e += weight[t]
			}
			e *= l.orders / sum
			next := (shape + l.skus[i]) / (shape + e/factor[i])
			for _, t := range l.of[i] {
				sum += weight[t] * (next/factor[i] - 1)
				weight[t] *= next / factor[i]
			}
			factor[i] = next
		}
	}
	for t, w := range weight {
		f.Types[t].Weight = w
	}
	return &f, volume
}

// posterior returns weights corrected by counts.
func posterior(weights, seen []float64) []float64 {
	var total, sum float64
	for i, w := range weights {
		total += seen[i]
		sum += w
	}
	out := slices.Clone(weights)
	if total == 0 || sum == 0 {
		return out
	}
	expected := make([]float64, len(weights))
	for i, w := range weights {
		expected[i] = w / sum * total
	}
	shape := spreadShape(expected, seen)
	for i := range out {
		out[i] *= (shape + seen[i]) / (shape + expected[i])
	}
	return out
}

// spreadShape estimates the shape of a gamma distribution of factors from counts: their variance beyond Poisson's is
// expected²/shape.
func spreadShape(expected, seen []float64) float64 {
	const least, most = 0.5, 1e4
	var squares, beyond float64
	for i, e := range expected {
		squares += e * e
		beyond += (seen[i]-e)*(seen[i]-e) - e
	}
	if beyond <= squares/most {
		return most
	}
	return max(squares/beyond, least)
}

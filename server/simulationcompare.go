package server

import (
	"cmp"
	"context"
	"path/filepath"
	"runtime"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
	"github.com/allot-engine/allot/faults"
	"github.com/allot-engine/allot/server/pace"
	"github.com/allot-engine/allot/simulate/compare"
	"github.com/allot-engine/allot/simulate/results"
)

// maxMoves bounds the moves of a comparison.
const maxMoves = 1_000

// Compare implements allotv1.SimulationServiceServer.
func (v simulationService) Compare(ctx context.Context, request *allotv1.SimulationServiceCompareRequest) (*allotv1.SimulationServiceCompareResponse, error) {
	s := v.s
	cut(&request.RunIds, maxRuns)
	var fl faults.List
	violations(request, &fl)
	thresholds, err := compare.ParseThresholds(request.GetThresholds())
	if bad, ok := asFaults(err); ok {
		for _, f := range bad {
			f.File, f.Field = "thresholds", cmp.Or(f.Field, "thresholds")
			fl.Add(f)
		}
	} else if err != nil {
		return nil, err
	}
	if err := fl.Err(); err != nil {
		return nil, err
	}
	ids := append([]string{request.GetBaseId()}, request.GetRunIds()...)
	used, release, err := s.simulations.use(ids)
	if err != nil {
		return nil, err
	}
	defer release()
	place, err := s.simulations.line.enter()
	if err != nil {
		return nil, err
	}
	defer place.leave()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.draining, func() { cancel(errShutting) })()
	if err := place.turn(ctx); err != nil {
		return nil, err
	}
	sources := make([]compare.Source, len(used))
	for i, one := range used {
		run, err := results.Open(filepath.Join(one.dir, simulationFolder))
		if err != nil {
			return nil, notKept(err)
		}
		sources[i] = compare.Of(run)
	}
	workers, share := s.cfg.hands(runtime.GOMAXPROCS(0))
	p := pace.New(ctx, share)
	c, err := compare.Sources(ctx, sources[0], sources[1:], compare.Options{
		Seed: request.GetSeed(), Rows: maxMoves, Thresholds: thresholds, Workers: workers, Progress: func(int64) { p.Stop() },
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	return writeComparison(c, ids), nil
}

func writeComparison(c *compare.Comparison, ids []string) *allotv1.SimulationServiceCompareResponse {
	m := &allotv1.SimulationServiceCompareResponse{
		Go: c.Go, Currency: c.Currency, Confidence: c.Method.Confidence, Interval: c.Method.Interval, Replicates: int32(c.Method.Replicates),
		Thresholds: c.Thresholds, Base: writeCompared(&c.Base, ids[0]),
	}
	for i := range c.Runs {
		a := &c.Runs[i]
		r := &allotv1.SimulationComparison{
			Run: writeCompared(&a.Run, ids[i+1]), Go: a.Verdict.Go, Paired: a.Pairing.Paired, Both: a.Pairing.Both, Gained: a.Pairing.Gained,
			Dropped: a.Pairing.Dropped, OnlyBase: a.Pairing.OnlyBase, OnlyRun: a.Pairing.OnlyRun, Altered: a.Pairing.Altered, ChangeMicros: int64(a.Change),
		}
		for _, j := range a.Verdict.Judgings {
			r.Judgments = append(r.Judgments, &allotv1.ThresholdJudgment{
				Threshold: j.Threshold, Figure: j.Figure, Pass: j.Pass, Observed: number(j.Observed), Limit: number(j.Limit), Reason: j.Reason,
			})
		}
		for _, f := range a.Figures {
			r.Figures = append(r.Figures, &allotv1.ComparedFigure{
				Name: f.Name, Label: f.Label, Unit: string(f.Unit), Better: int32(f.Better), Among: f.Among,
				Base: writeEstimate(f.Base), Run: writeEstimate(f.Run), Change: writeEstimate(f.Change), Relative: writeEstimate(f.Relative),
			})
		}
		for _, s := range a.Waterfall {
			r.Waterfall = append(r.Waterfall, &allotv1.WaterfallStep{Name: s.Name, Kind: s.Kind, AmountMicros: int64(s.Amount), LevelMicros: int64(s.Level)})
		}
		for _, v := range a.Moves.Rows {
			r.Moves = append(r.Moves, &allotv1.OrderMove{
				From: v.From, To: v.To, Orders: v.Orders, BaseMicros: int64(v.Base), RunMicros: int64(v.Run), ChangeMicros: int64(v.Change),
				Term: v.Term, TermChangeMicros: int64(v.TermChange),
			})
		}
		m.Runs = append(m.Runs, r)
	}
	return m
}

func writeCompared(t *compare.Totals, id string) *allotv1.ComparedRun {
	return &allotv1.ComparedRun{
		SimulationId: id, Name: t.Name, Partial: t.Partial, Orders: t.Orders, Filled: t.Filled, Late: t.Late, Lost: t.Lost,
		CostMicros: int64(t.Cost), FreightMicros: int64(t.Freight), SplitCostMicros: int64(t.Split),
	}
}

func writeEstimate(e compare.Estimate) *allotv1.Estimate {
	m := &allotv1.Estimate{Value: number(e.Value)}
	if e.Interval != nil {
		m.Low, m.High = new(e.Interval.Low), new(e.Interval.High)
	}
	return m
}

// number is a statistic, nil where it has no value.
func number(n compare.Number) *float64 {
	if !n.Defined() {
		return nil
	}
	return new(float64(n))
}

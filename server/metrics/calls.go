package metrics

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	allotv1 "github.com/allot-engine/allot/api/allot/v1"
)

// codeNames are the status codes by their numbers, as gRPC writes them.
var codeNames = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
	"FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

// Events is the name under which GET /v1/events is counted.
const Events = "/v1/events"

var services = []*grpc.ServiceDesc{
	&allotv1.AllocationService_ServiceDesc, &allotv1.InventoryService_ServiceDesc, &allotv1.NetworkService_ServiceDesc, &allotv1.SimulationService_ServiceDesc,
}

// allMethods returns the full names of what can be called: the methods of the contract, as "/allot.v1.AllocationService/Allocate", and Events.
func allMethods() []string {
	out := []string{Events}
	for _, service := range services {
		for _, m := range service.Methods {
			out = append(out, "/"+service.ServiceName+"/"+m.MethodName)
		}
		for _, m := range service.Streams {
			out = append(out, "/"+service.ServiceName+"/"+m.StreamName)
		}
	}
	return out
}

// streams are the methods that last for as long as the caller likes.
var streams = func() map[string]bool {
	out := map[string]bool{Events: true}
	for _, service := range services {
		for _, m := range service.Streams {
			out["/"+service.ServiceName+"/"+m.StreamName] = true
		}
	}
	return out
}()

// short is a method's name without its package: "AllocationService/Allocate".
func short(method string) string {
	return strings.TrimPrefix(strings.TrimPrefix(method, "/"), "allot.v1.")
}

// Method returns the number of a method by its full name, and -1 of one that the Set does not have.
func (s *Set) Method(name string) int {
	if s == nil {
		return -1
	}
	if n, ok := s.numbers[name]; ok {
		return n
	}
	return -1
}

// Call counts a call that ended, of a method by its number. A negative time is that of a stream, and is not in the histogram.
func (s *Set) Call(port Port, method int, code codes.Code, took time.Duration) {
	if s == nil || method < 0 {
		return
	}
	if int(code) >= len(codeNames) {
		code = codes.Unknown
	}
	s.calls[port][method][code].Add(1)
	if took >= 0 && s.took[method] != nil {
		s.took[method].Observe(took.Seconds())
	}
}

// A callCollector tells the counts of calls. Those of code OK are there from the beginning, the others when there are any.
type callCollector struct{ s *Set }

var callsDesc = prometheus.NewDesc("allot_calls_total", "Calls that ended, refused ones included, by method, status code and port.",
	[]string{"method", "code", "port"}, nil)

// Describe implements prometheus.Collector.
func (callCollector) Describe(ch chan<- *prometheus.Desc) { ch <- callsDesc }

// Collect implements prometheus.Collector.
func (c callCollector) Collect(ch chan<- prometheus.Metric) {
	for port := range c.s.calls {
		for m := range c.s.calls[port] {
			for code := range codeNames {
				n := c.s.calls[port][m][code].Load()
				if n > 0 || codes.Code(code) == codes.OK {
					ch <- prometheus.MustNewConstMetric(callsDesc, prometheus.CounterValue, float64(n), short(c.s.methods[m]), codeNames[code], portNames[port])
				}
			}
		}
	}
}

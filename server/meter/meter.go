// Package meter keeps the numbers operators watch. Labels come from settings and flows, never from strangers.
package meter

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/stile-id/stile/engine/walk"
)

// Meter counts requests, steps and journeys.
type Meter struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	steps    *prometheus.CounterVec
	journeys *prometheus.CounterVec
	broken   prometheus.Counter
	outbox   prometheus.Gauge
	refused  prometheus.Gauge
	reasons  *prometheus.GaugeVec
	dropped  prometheus.Counter
	back     *prometheus.GaugeVec
}

// New makes a meter with nothing counted.
func New() *Meter {
	m := &Meter{registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "stile_requests_total", Help: "Requests by route and status."}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "stile_request_seconds", Help: "Time to answer by route.",
			Buckets: []float64{.001, .005, .02, .1, .5, 2, 10}}, []string{"route"}),
		steps:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "stile_steps_total", Help: "Steps that ended, by flow, step and outcome."}, []string{"flow", "step", "outcome"}),
		journeys: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "stile_journeys_total", Help: "Journeys that ended, by flow, version and end."}, []string{"flow", "version", "end"}),
		broken:   prometheus.NewCounter(prometheus.CounterOpts{Name: "stile_proof_violations_total", Help: "Journeys that reached their end with less than their flow accepts."}),
		outbox:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "stile_outbox_messages", Help: "Messages waiting to be sent."}),
		refused:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "stile_flows_refused", Help: "1 while the newest text of the flows is refused."}),
		reasons:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "stile_flows_refused_problems", Help: "Errors for which the newest text of the flows is refused, by code."}, []string{"code"}),
		dropped:  prometheus.NewCounter(prometheus.CounterOpts{Name: "stile_trail_dropped_total", Help: "Turns of journeys of which no trail was kept."}),
		back:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "stile_rollouts_rolled_back", Help: "1 while the candidate of a flow is rolled back."}, []string{"flow"}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.steps, m.journeys, m.broken, m.outbox, m.refused, m.reasons, m.dropped, m.back, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Step is the engine's observer.
func (m *Meter) Step(e walk.Event) {
	switch {
	case e.Outcome == "proof_violation":
		m.broken.Inc()
	case e.Ended:
		m.journeys.WithLabelValues(e.Flow, e.Version, e.Outcome).Inc()
	default:
		m.steps.WithLabelValues(e.Flow, e.Step, e.Outcome).Inc()
	}
}

// Dropped counts turns whose trail was not kept.
func (m *Meter) Dropped(n int) { m.dropped.Add(float64(n)) }

// RolledBack says whose flows' candidates are rolled back.
func (m *Meter) RolledBack(flows map[string]string) {
	m.back.Reset()
	for name := range flows {
		m.back.WithLabelValues(name).Set(1)
	}
}

// Handler serves the numbers (Prometheus text format). look is asked for what costs a look at the stores: messages waiting, and whether the
// newest flows are refused: the codes of the errors, one each.
func (m *Meter) Handler(look func(ctx context.Context) (outbox int64, refused []string, err error)) http.Handler {
	inner := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		outbox, refused, err := look(ctx)
		if err == nil {
			m.outbox.Set(float64(outbox))
		}
		m.refused.Set(0)
		m.reasons.Reset()
		for _, code := range refused {
			m.refused.Set(1)
			m.reasons.WithLabelValues(code).Inc()
		}
		inner.ServeHTTP(w, r)
	})
}

// Count counts requests by the route's template, so that strangers cannot invent labels.
func (m *Meter) Count(r *mux.Router) http.Handler {
	r.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			route := "other"
			if c := mux.CurrentRoute(q); c != nil {
				if t, err := c.GetPathTemplate(); err == nil {
					route = t
				}
			}
			started := time.Now()
			seen := &answered{ResponseWriter: w, code: http.StatusOK}
			next.ServeHTTP(seen, q)
			m.requests.WithLabelValues(route, strconv.Itoa(seen.code)).Inc()
			m.seconds.WithLabelValues(route).Observe(time.Since(started).Seconds())
		})
	})
	return r
}

type answered struct {
	http.ResponseWriter
	code int
}

// WriteHeader notes the status.
func (a *answered) WriteHeader(code int) {
	a.code = code
	a.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

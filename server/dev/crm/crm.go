// Package crm is the customer system of a development server: JSON about customers, and switches that make it slow or let it fail.
package crm

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/server/dev/page"
	"github.com/stile-id/stile/server/web"
)

// Customer is what the CRM knows; ID is the account's.
type Customer struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Tier string `json:"tier"`
}

// wait is how long a slow answer takes: longer than the connector's time-out.
const wait = 3 * time.Second

// CRM answers for a fixed list of customers.
type CRM struct {
	customers  []Customer
	pages      *page.Pages
	slow, fail atomic.Bool
}

// New makes a CRM that answers well and at once.
func New(pages *page.Pages, customers ...Customer) *CRM {
	return &CRM{customers: customers, pages: pages}
}

// Mount adds the routes.
func (c *CRM) Mount(r *mux.Router) {
	r.HandleFunc("/dev/crm", c.show).Methods(http.MethodGet)
	r.HandleFunc("/dev/crm", c.turn).Methods(http.MethodPost)
	r.HandleFunc("/dev/crm/customers/{id}", c.customer).Methods(http.MethodGet)
}

func (c *CRM) show(w http.ResponseWriter, _ *http.Request) {
	c.pages.Show(w, page.Page{Name: "crm", Title: "CRM", Here: "/dev/crm", Data: struct {
		Slow, Fail bool
		Wait       time.Duration
		Customers  []Customer
	}{c.slow.Load(), c.fail.Load(), wait, c.customers}})
}

// turn sets a switch; setting it twice is harmless.
func (c *CRM) turn(w http.ResponseWriter, r *http.Request) {
	f, err := web.Form(w, r)
	on := f["to"] == "on"
	switch {
	case err != nil || !on && f["to"] != "off":
		c.refuse(w)
		return
	case f["switch"] == "slow":
		c.slow.Store(on)
	case f["switch"] == "fail":
		c.fail.Store(on)
	default:
		c.refuse(w)
		return
	}
	page.See(w, "/dev/crm")
}

func (c *CRM) refuse(w http.ResponseWriter) {
	c.pages.Problem(w, http.StatusBadRequest, "There is no such switch", "Nothing was changed.", "/dev/crm")
}

func (c *CRM) customer(w http.ResponseWriter, r *http.Request) {
	if c.slow.Load() {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-r.Context().Done():
			return // nobody waits any more
		case <-t.C:
		}
	}
	if c.fail.Load() {
		page.JSON(w, http.StatusInternalServerError, map[string]string{"error": "switched to fail"})
		return
	}
	for _, k := range c.customers {
		if k.ID == mux.Vars(r)["id"] {
			page.JSON(w, http.StatusOK, k)
			return
		}
	}
	page.JSON(w, http.StatusNotFound, map[string]string{"error": "no such customer"})
}

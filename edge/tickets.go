package edge

import "net/http"

// postTicket answers with a ticket.
func (x *exchange) postTicket() *problem {
	return refuse(http.StatusNotFound, "tickets are not given here")
}

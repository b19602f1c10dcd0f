package edge

import "net/http"

// getView answers with the present view.
func (x *exchange) getView() *problem {
	return refuse(http.StatusNotFound, "views are not served here")
}

package edge

import "net/http"

// postOnline answers which subjects are connected.
func (x *exchange) postOnline() *problem {
	return refuse(http.StatusNotFound, "who is online is not told here")
}

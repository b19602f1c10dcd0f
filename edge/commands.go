package edge

import "net/http"

// postCommands carries out what the body asks for: one command, or frames of a connection that the query names.
func (x *exchange) postCommands() *problem {
	if p := x.parseLink(false); p != nil {
		return p
	}
	if x.conn == "" {
		return x.postCall()
	}
	return refuse(http.StatusNotFound, "frames are not taken here")
}

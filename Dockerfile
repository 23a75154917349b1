FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -tags timetzdata -o /rollcall ./cmd/rollcall

# The image holds the program and the certificates it needs; time zones are in the program.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /rollcall /rollcall
USER 65532:65532
ENTRYPOINT ["/rollcall"]
CMD ["run", "--config", "/etc/rollcall/rollcall.yaml"]

//! Spans over gRPC: the call itself is tonic's, the message passes through as it was written.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Extensions, Request, Status};

use super::protobuf::{Field, bytes_of, fields, number_of};
use super::transport::ANSWER_BYTES_MAX;

const EXPORT_SPANS: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// `google.rpc.RetryInfo` as the detail of a status.
const RETRY_INFO: &[u8] = b"type.googleapis.com/google.rpc.RetryInfo";

/// Sends an `ExportTraceServiceRequest` and gives the `ExportTraceServiceResponse`.
pub(super) async fn export_spans(
    channel: Channel,
    metadata: MetadataMap,
    request: Bytes,
    gzip: bool,
) -> Result<Bytes, Status> {
    let mut grpc = Grpc::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX);
    if gzip {
        let gzip = CompressionEncoding::Gzip;
        grpc = grpc.send_compressed(gzip).accept_compressed(gzip);
    }
    grpc.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
    let request = Request::from_parts(metadata, Extensions::default(), request);
    let path = PathAndQuery::from_static(EXPORT_SPANS);
    Ok(grpc.unary(request, path, AsWritten).await?.into_inner())
}

/// How long to wait before another try, by the details of a status (`google.rpc.Status`).
pub(super) fn retry_delay(status: &[u8]) -> Option<Duration> {
    let details = fields(status).filter_map(|(number, value)| match value {
        Field::Bytes(detail) if number == 3 => Some(detail),
        Field::Bytes(_) | Field::Number(_) => None,
    });
    let mut infos = details.filter(|detail| bytes_of(detail, 1) == Some(RETRY_INFO));
    let delay = bytes_of(bytes_of(infos.next()?, 2)?, 1)?;
    let nanoseconds = u32::try_from(number_of(delay, 2)).ok().filter(|many| *many < 1_000_000_000)?;
    // A negative one is too large.
    let seconds = i64::try_from(number_of(delay, 1)).ok()?;
    Some(Duration::new(seconds.cast_unsigned(), nanoseconds))
}

/// Messages that are bytes already.
#[derive(Debug, Clone, Copy)]
struct AsWritten;

impl Codec for AsWritten {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for AsWritten {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.reserve(message.len());
        to.put_slice(&message);
        Ok(())
    }
}

impl Decoder for AsWritten {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::protobuf::Writer;
    use super::*;

    fn status(kind: &str, seconds: i64, nanoseconds: u64) -> Writer {
        let mut status = Writer::default();
        status.integer(1, 14);
        status.text(2, &["busy"]);
        status.nested(3, 1, |detail| {
            detail.text(1, &[kind]);
            detail.nested(2, 1, |info| {
                info.nested(1, 1, |delay| {
                    delay.integer(1, seconds.cast_unsigned());
                    delay.integer(2, nanoseconds);
                });
            });
        });
        status
    }

    #[test]
    fn a_status_says_how_long_to_wait() {
        let kind = "type.googleapis.com/google.rpc.RetryInfo";
        let delay = |kind, seconds, nanoseconds| retry_delay(status(kind, seconds, nanoseconds).written());
        assert_eq!(delay(kind, 7, 5), Some(Duration::new(7, 5)));
        assert_eq!(delay(kind, 0, 0), Some(Duration::ZERO));
        assert_eq!(delay(kind, -7, 0), None);
        assert_eq!(delay(kind, 7, u64::MAX), None);
        assert_eq!(delay("type.googleapis.com/google.rpc.ErrorInfo", 7, 0), None);
        assert_eq!(retry_delay(b""), None);
    }
}

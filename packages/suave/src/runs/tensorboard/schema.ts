/**
 * @file The part of TensorBoard's event format that is written here, as protocol buffers: messages and field numbers of
 * event.proto, summary.proto, histogram.proto and tensor.proto. Fields that are not listed are skipped when a file is read.
 */
import protobuf from 'protobufjs';

const source = `
syntax = "proto3";
package tensorboard;

message Event {
  double wall_time = 1;
  int64 step = 2;
  oneof what {
    string file_version = 3;
    Summary summary = 5;
    SessionLog session_log = 7;
  }
}

message SessionLog {
  int32 status = 1;
}

message Summary {
  repeated Value value = 1;
  message Value {
    string tag = 1;
    SummaryMetadata metadata = 9;
    oneof value {
      float simple_value = 2;
      Image image = 4;
      HistogramProto histo = 5;
      TensorProto tensor = 8;
    }
  }
  message Image {
    int32 height = 1;
    int32 width = 2;
    int32 colorspace = 3;
    bytes encoded_image_string = 4;
  }
}

message SummaryMetadata {
  PluginData plugin_data = 1;
  message PluginData {
    string plugin_name = 1;
  }
}

message HistogramProto {
  double min = 1;
  double max = 2;
  double num = 3;
  double sum = 4;
  double sum_squares = 5;
  repeated double bucket_limit = 6;
  repeated double bucket = 7;
}

message TensorProto {
  int32 dtype = 1;
  TensorShapeProto tensor_shape = 2;
  repeated bytes string_val = 8;
}

message TensorShapeProto {
  repeated Dim dim = 2;
  message Dim {
    int64 size = 1;
  }
}
`;

/** A histogram: `bucket[i]` values lie in (bucketLimit[i − 1], bucketLimit[i]]. */
export interface HistogramValue {
  readonly min: number;
  readonly max: number;
  readonly num: number;
  readonly sum: number;
  readonly sumSquares: number;
  readonly bucketLimit: readonly number[];
  readonly bucket: readonly number[];
}

/** One named value of a summary; exactly one kind of it. */
export interface SummaryValue {
  readonly tag: string;
  readonly metadata?: { readonly pluginData: { readonly pluginName: string } };
  readonly simpleValue?: number;
  readonly image?: {
    readonly height: number;
    readonly width: number;
    /** Channels: 1 gray, 3 RGB, 4 RGBA. */
    readonly colorspace: number;
    readonly encodedImageString: Uint8Array;
  };
  readonly histo?: HistogramValue;
  readonly tensor?: {
    readonly dtype: number;
    readonly tensorShape: { readonly dim: readonly { readonly size: number }[] };
    readonly stringVal: readonly Uint8Array[];
  };
}

/** One record of an event file. */
export interface TensorBoardEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  readonly fileVersion?: string;
  readonly summary?: { readonly value: readonly SummaryValue[] };
  /** Status 1 is a start: readers drop what an earlier file has from this step on. */
  readonly sessionLog?: { readonly status: number };
}

const { root } = protobuf.parse(source);
const EventMessage = root.lookupType('tensorboard.Event');

/** The bytes of an event. */
export function encodeEvent(event: TensorBoardEvent): Uint8Array {
  return EventMessage.encode(event).finish();
}

/** Reads an event; fields that are not there are absent. */
export function decodeEvent(bytes: Uint8Array): TensorBoardEvent {
  return EventMessage.toObject(EventMessage.decode(bytes), {
    longs: Number,
    defaults: false,
  }) as unknown as TensorBoardEvent;
}

/**
 * @file Streams: queues of work on a device. Work in one stream runs in order, work in different streams at the same time.
 *
 * Every thread has a current stream on every device, at first the default one; operators are given to it.
 */
import type { Device } from '../dtype.js';
import { ArgumentError } from '../errors.js';
import { native } from '../native.js';
import { refusePromise } from '../synchronous.js';
import type { Tensor } from '../tensor.js';
import { indexOf } from './availability.js';
import { Event } from './event.js';

/** How to make a {@link Stream}. */
export interface StreamOptions {
  /** The current device by default. */
  device?: Device | number;
  /** 0, or less for work that goes before that of other streams; -1 is the usual choice. 0 by default. */
  priority?: number;
}

/**
 * A queue of work on a CUDA device (PyTorch `torch.cuda.Stream`). It comes from libtorch's pool of 32 per device and priority
 * and needs no disposal; when more are made, some are the same queue.
 *
 * A tensor belongs to the stream it was made in. To use it in another one, that one must wait first (`waitStream`), and
 * `recordTensor` must say so when the tensor can be freed before the other stream is done with it.
 */
export class Stream {
  readonly deviceIndex: number;
  /** Names the stream on its device; 0 is the default stream. */
  readonly id: number;

  /**
   * @param id  of a stream that is there already; used by `currentStream` and `defaultStream`
   * @throws DeviceError without CUDA; ArgumentError when there is no such device, or the priority is above 0
   */
  constructor({ device, priority = 0 }: StreamOptions = {}, id?: number) {
    this.deviceIndex = indexOf(device, 'cuda.Stream');
    if (!Number.isInteger(priority) || priority > 0)
      throw new ArgumentError(
        `cuda.Stream: expected a priority of 0 or a negative integer, got ${priority}. Lower goes first.`,
      );
    this.id = id ?? native.streamNew(this.deviceIndex, priority);
  }

  /** The device, as `cuda:0`. */
  get device(): `cuda:${number}` {
    return `cuda:${this.deviceIndex}`;
  }

  /** Whether two objects name the same queue. */
  equals(other: Stream): boolean {
    return this.id === other.id && this.deviceIndex === other.deviceIndex;
  }

  /** Whether all work given so far is done; does not wait. @throws CaptureError while a graph is being captured */
  query(): boolean {
    return native.streamQuery(this.deviceIndex, this.id);
  }

  /** Waits until all work given so far is done. @throws CaptureError while a graph is being captured */
  synchronize(): void {
    native.streamSynchronize(this.deviceIndex, this.id);
  }

  /** Records an event, a new one by default, after the work given so far, and returns it. */
  recordEvent(event: Event = new Event()): Event {
    event.record(this);
    return event;
  }

  /** Work given later starts after the event; the host does not wait. */
  waitEvent(event: Event): void {
    event.wait(this);
  }

  /** Work given later starts after that given to `other` so far; the host does not wait. */
  waitStream(other: Stream): void {
    using event = other.recordEvent();
    this.waitEvent(event);
  }

  /**
   * Says that this stream uses a tensor made in another one: its memory is not given out again before the work given so far is
   * done (PyTorch `Tensor.record_stream`).
   * @throws ArgumentError when the tensor is not on CUDA
   */
  recordTensor(tensor: Tensor): void {
    native.streamRecordTensor(this.deviceIndex, this.id, tensor.handle);
  }
}

/** The stream that operators on a device are given to in this thread (PyTorch `torch.cuda.current_stream`). @throws DeviceError */
export function currentStream(device?: Device | number): Stream {
  const index = indexOf(device, 'cuda.currentStream');
  return new Stream({ device: index }, native.streamCurrent(index));
}

/** The stream that is current when no other was chosen (PyTorch `torch.cuda.default_stream`). @throws DeviceError */
export function defaultStream(device?: Device | number): Stream {
  const index = indexOf(device, 'cuda.defaultStream');
  return new Stream({ device: index }, native.streamDefault(index));
}

/** Makes a stream, and its device, current in this thread (PyTorch `torch.cuda.set_stream`). Prefer `withStream`. */
export function setStream(stream: Stream): void {
  native.exchangeDevice(stream.deviceIndex);
  native.streamExchange(stream.deviceIndex, stream.id);
}

/**
 * Runs `body` with a stream, and its device, current in this thread (PyTorch `with torch.cuda.stream(…)`).
 * @throws ArgumentError when `body` returns a promise
 */
export function withStream<T>(stream: Stream, body: () => T): T {
  const deviceBefore = native.exchangeDevice(stream.deviceIndex);
  const streamBefore = native.streamExchange(stream.deviceIndex, stream.id);
  try {
    return refusePromise(body(), 'cuda.withStream');
  } finally {
    native.streamExchange(stream.deviceIndex, streamBefore);
    native.exchangeDevice(deviceBefore);
  }
}

// Pictures of the page, small: the browser writes PNG in a hurry and in full colour, while a page has few colours. 256 of
// them, each other one as the nearest of these, take a third of the room. The same picture always becomes the same bytes.

import { crc32, deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const COLOURS_MAX = 256;

interface Picture {
  width: number;
  height: number;
  /** A pixel is 0xRRGGBB. */
  pixels: Uint32Array;
}

/** What the browser and `smaller` write: eight bits, red green blue with or without alpha or a palette, not interlaced. */
function decoded(png: Buffer): Picture {
  const parts: Buffer[] = [];
  let width = 0;
  let height = 0;
  let channels = 0;
  let palette: Buffer | null = null;
  for (let at = SIGNATURE.length; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    const body = png.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR') {
      [width, height] = [body.readUInt32BE(0), body.readUInt32BE(4)];
      channels = { 2: 3, 3: 1, 6: 4 }[body[9] ?? 0] ?? 0;
      if (body[8] !== 8 || channels === 0 || body[12] !== 0) throw new Error('a picture in another form of PNG');
    }
    if (type === 'PLTE') palette = body;
    if (type === 'IDAT') parts.push(body);
    at += 12 + length;
  }
  const lines = inflateSync(Buffer.concat(parts));
  const stride = width * channels;
  const pixels = new Uint32Array(width * height);
  let above = new Uint8Array(stride);
  for (let y = 0; y < height; y += 1) {
    const filter = lines[y * (stride + 1)];
    const line = new Uint8Array(lines.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1)));
    for (let x = 0; x < stride; x += 1) {
      const left = x < channels ? 0 : (line[x - channels] ?? 0);
      const up = above[x] ?? 0;
      const corner = x < channels ? 0 : (above[x - channels] ?? 0);
      line[x] = (line[x] ?? 0) + predicted(filter ?? 0, left, up, corner);
    }
    for (let x = 0; x < width; x += 1) {
      const own = line.subarray(x * channels, x * channels + 3);
      const [red = 0, green = 0, blue = 0] = palette === null ? own : palette.subarray((own[0] ?? 0) * 3, (own[0] ?? 0) * 3 + 3);
      pixels[y * width + x] = (red << 16) | (green << 8) | blue;
    }
    above = line;
  }
  return { width, height, pixels };
}

/** The filters of PNG, section 9.2 of its specification. */
function predicted(filter: number, left: number, up: number, corner: number): number {
  switch (filter) {
    case 1:
      return left;
    case 2:
      return up;
    case 3:
      return (left + up) >> 1;
    case 4: {
      const [toLeft, toUp, toCorner] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
      if (toLeft <= toUp && toLeft <= toCorner) return left;
      return toUp <= toCorner ? up : corner;
    }
    default:
      return 0;
  }
}

function distance(one: number, other: number): number {
  const [red, green, blue] = [16, 8, 0].map((shift) => ((one >> shift) & 255) - ((other >> shift) & 255)) as [number, number, number];
  return red * red + green * green + blue * blue;
}

/**
 * The colours to keep, and which of them stands for each. Whatever errs most, by pixels and distance, is kept next: so
 * the few pixels of a coloured word keep their colour, and a hundred greys at the edges of letters share some.
 */
function reduced(counts: ReadonlyMap<number, number>): { palette: number[]; places: Map<number, number> } {
  const all = [...counts].sort(([one, many], [other, more]) => more - many || one - other);
  const errors = new Float64Array(all.length).fill(Infinity);
  const nearest = new Uint8Array(all.length);
  const palette: number[] = [];
  for (let next = 0; palette.length < COLOURS_MAX && (errors[next] ?? 0) > 0; next = errors.indexOf(Math.max(...errors))) {
    const [kept = 0] = all[next] ?? [];
    palette.push(kept);
    all.forEach(([colour, count], at) => {
      const error = count * distance(colour, kept);
      if (error >= (errors[at] ?? 0)) return;
      errors[at] = error;
      nearest[at] = palette.length - 1;
    });
  }
  return { palette, places: new Map(all.map(([colour], at) => [colour, nearest[at] ?? 0])) };
}

function chunk(type: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), body]);
  const whole = Buffer.alloc(8 + named.length);
  whole.writeUInt32BE(body.length, 0);
  named.copy(whole, 4);
  whole.writeUInt32BE(crc32(named) >>> 0, 4 + named.length);
  return whole;
}

/** The same picture in 256 colours at most. */
export function smaller(png: Buffer): Buffer {
  const { width, height, pixels } = decoded(png);
  const counts = new Map<number, number>();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const { palette, places } = reduced(counts);
  const lines = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) lines[y * (width + 1) + 1 + x] = places.get(pixels[y * width + x] ?? 0) ?? 0;
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  const colours = Buffer.from(palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]));
  const data = deflateSync(lines, { level: 9, memLevel: 9 });
  return Buffer.concat([SIGNATURE, chunk('IHDR', head), chunk('PLTE', colours), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]);
}

/** So far apart are two colours that nobody tells apart: the edges of letters differ so from run to run. */
const SAME = 48 * 48;

/** Whether nobody would tell two pictures apart. */
export function alike(one: Buffer, other: Buffer): boolean {
  const [left, right] = [decoded(one), decoded(other)];
  if (left.width !== right.width || left.height !== right.height) return false;
  return left.pixels.every((pixel, at) => distance(pixel, right.pixels[at] ?? 0) <= SAME);
}

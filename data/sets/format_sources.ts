/** @file Formats as plain data, so that threads can have them: by name, or by the module that exports them. */
import type { ImageFormat } from "../images/image_format.ts";
import { IMAGE_FORMATS } from "../images/image_formats.ts";

/** Name of a built-in format, or where another is exported. */
export type FormatSource = string | NonNullable<ImageFormat["source"]>;

/**
 * Says where threads find formats.
 *
 * @param formats Formats; the built-in ones if undefined.
 * @returns Plain data; undefined if one of them does not say where it is.
 */
export function formatSources(formats: readonly ImageFormat[] = IMAGE_FORMATS): readonly FormatSource[] | undefined {
  const found = formats.map((format) => format.source ?? (IMAGE_FORMATS.includes(format) ? format.name : undefined));
  return found.every((each) => each !== undefined) ? found : undefined;
}

/**
 * Brings formats into a thread.
 *
 * @param sources Of `formatSources`.
 * @returns The formats.
 * @throws {TypeError} If a module does not export one under the name that it said.
 */
export async function openFormats(sources: readonly FormatSource[]): Promise<readonly ImageFormat[]> {
  return await Promise.all(sources.map(async (source) => {
    if (typeof source === "string") return IMAGE_FORMATS.find(({ name }) => name === source)!;
    const format = (await import(source.module))[source.name] as ImageFormat | undefined;
    if (typeof format?.decode === "function") return format;
    throw new TypeError(
      `Cannot read images in threads as ${source.module} must export the format: current ${source.name} is none`,
    );
  }));
}
